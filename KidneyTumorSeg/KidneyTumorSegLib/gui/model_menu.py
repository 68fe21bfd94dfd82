"""The models to choose from, and each one's card in plain words."""

from __future__ import annotations

from slicer.i18n import tr as _

from ..settings import DEFAULT_MODEL

_MOST_SCORES = 6


def model_names() -> tuple[str, ...]:
    """All models for segmentation, the default first; the default alone while packages are missing."""
    try:
        from ..models import available
    except ModuleNotFoundError:  # jsonschema is not installed yet
        return (DEFAULT_MODEL,)
    names = [folder.name for folder in available()]
    return (DEFAULT_MODEL, *(name for name in names if name != DEFAULT_MODEL))


def card_text(name: str) -> str:
    """Title, scores with n, limits, data and license of a model, one line each.

    Raises:
        EnvironmentProblem: there is no such model, or it is damaged.
    """
    try:
        from ..models import open_model
    except ModuleNotFoundError:
        return _("The card can be shown when the Python packages are installed.")
    contract = open_model(name).contract
    lines = [_("{title}, version {version}").format(title=contract.title, version=contract.version)]
    for score in contract.scores[:_MOST_SCORES]:
        lines.append(f"{score.what}: {score.value:.2f} ({score.on}; n = {score.n})")
    lines += [_("Weak at: {limit}").format(limit=limit) for limit in contract.limits]
    data = "; ".join(f"{source.name} ({source.license})" for source in contract.training.data)
    lines.append(_("Learned from: {data}").format(data=data))
    lines.append(_("License: {license}").format(license=contract.license))
    return "\n".join(lines)
