"""Stand-in for `slicer.i18n`. Follows Base/Python/slicer/i18n.py, without translation files."""


def tr(text):
    return text


def translate(context, text):
    return text
