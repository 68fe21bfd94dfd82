"""Stand-in for `slicer.parameterNodeWrapper`, for members that are nodes, strings or yes and no.

Follows Base/Python/slicer/parameterNodeWrapper/: wrapper.py (properties, defaults, binding by `SlicerParameterName`;
values are kept, and read anew only when the node tells that it was modified: its references change without),
serializers.py (nodes as references, the rest as parameters), guiConnectors.py (the three widgets of the panel).
"""

import typing
import weakref

import slicer
import slicer.util
import vtk


class Choice:
    """Follows validators.py."""

    def __init__(self, choices):
        self.choices = choices


class _Member:
    def __init__(self, name, kind, default):
        self.name, self.default = name, default
        self.choices = None
        if typing.get_origin(kind) is typing.Annotated:
            kind, annotation = typing.get_args(kind)
            self.choices = annotation.choices
        self.isNode = issubclass(kind, slicer.vtkMRMLNode)
        self.isBool = kind is bool

    def read(self, node):
        if self.isNode:
            return node.GetNodeReference(self.name)
        return node.GetParameter(self.name) == "True" if self.isBool else node.GetParameter(self.name)

    def write(self, node, value):
        if self.choices is not None and value not in self.choices:
            raise ValueError(f"Value must be one of {self.choices}, got {value!r}")
        if self.isNode:
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        else:
            node.SetParameter(self.name, str(value))


class _NodeConnector:
    """qMRMLNodeComboBox."""

    def __init__(self, widget, member):
        self.widget, self.signal = widget, widget.currentNodeChanged

    def read(self):
        return self.widget.currentNode()

    def write(self, value):
        self.widget.setCurrentNode(value)


class _ChoiceConnector:
    """QComboBox with the Choice annotation: its items are the choices."""

    def __init__(self, widget, member):
        self.widget, self.signal, self.choices = widget, widget.currentIndexChanged, member.choices
        widget.clear()
        widget.addItems([str(choice) for choice in self.choices])

    def read(self):
        return self.choices[self.widget.currentIndex()]

    def write(self, value):
        self.widget.setCurrentIndex(self.choices.index(value))


class _CheckConnector:
    """QCheckBox with a bool."""

    def __init__(self, widget, member):
        self.widget, self.signal = widget, widget.toggled

    def read(self):
        return self.widget.isChecked()

    def write(self, value):
        self.widget.setChecked(value)


class _Binding:
    """Widgets bound to a parameter node, both ways."""

    def __init__(self, wrapper, gui):
        self.wrapper, self.updating, self.slots = wrapper, False, []
        self.connectors = {}
        for widget in vars(gui).values():
            name = widget.property("SlicerParameterName")
            if name:
                member = wrapper.allParameters[name]
                kind = _NodeConnector if member.isNode else _CheckConnector if member.isBool else _ChoiceConnector
                self.connectors[name] = kind(widget, member)
        for name, connector in self.connectors.items():
            connector.write(getattr(wrapper, name))
            self.slots.append((connector.signal, lambda *_, n=name, c=connector: self.fromGui(n, c)))
            connector.signal.connect(self.slots[-1][1])
        self.tag = wrapper.parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self.toGui())

    def fromGui(self, name, connector):
        if not self.updating:
            setattr(self.wrapper, name, connector.read())

    def toGui(self):
        if self.updating:
            return
        self.updating = True
        try:
            for name, connector in self.connectors.items():
                connector.write(getattr(self.wrapper, name))
        finally:
            self.updating = False

    def remove(self):
        for signal, slot in self.slots:
            signal.disconnect(slot)
        self.wrapper.parameterNode.RemoveObserver(self.tag)


def parameterNodeWrapper(kind):
    members = {
        name: _Member(name, hint, kind.__dict__.get(name))
        for name, hint in typing.get_type_hints(kind, include_extras=True).items()
    }

    def __init__(self, parameterNode):
        self.parameterNode, self._bindings = parameterNode, {}
        for member in members.values():
            if not member.isNode and not parameterNode.GetParameter(member.name):
                member.write(parameterNode, member.default)
        self._values = {name: member.read(parameterNode) for name, member in members.items()}
        here = weakref.ref(self)
        self._tag = parameterNode.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: here() and here()._readAll())

    def __del__(self):
        self.parameterNode.RemoveObserver(self._tag)

    def _readAll(self):
        self._values = {name: member.read(self.parameterNode) for name, member in members.items()}

    def write(self, member, value):
        with slicer.util.NodeModify(self.parameterNode):
            member.write(self.parameterNode, value)
            self._values[member.name] = member.read(self.parameterNode)

    def connectGui(self, gui):
        tag = len(self._bindings)
        self._bindings[tag] = _Binding(self, gui)
        return tag

    def disconnectGui(self, tag):
        self._bindings.pop(tag).remove()

    for name, member in members.items():
        setattr(
            kind,
            name,
            property(
                lambda self, m=member: self._values[m.name],
                lambda self, value, m=member: write(self, m, value),
            ),
        )
    kind.allParameters = members
    kind.__init__, kind.connectGui, kind.disconnectGui = __init__, connectGui, disconnectGui
    kind.__del__, kind._readAll = __del__, _readAll
    kind.AddObserver = lambda self, event, callback, priority=0.0: self.parameterNode.AddObserver(
        event, callback, priority
    )
    kind.RemoveObserver = lambda self, tag: self.parameterNode.RemoveObserver(tag)
    return kind
