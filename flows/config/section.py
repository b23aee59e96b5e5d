"""What all parts of the configuration have in common: strict, frozen, and each setting described."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr


def setting(description: str, *default: Any, **more: Any) -> Any:
    """A field with what editors show; required unless a default is given, which is written as a user would write it."""
    return Field(*default, description=description, **more)


class Section(BaseModel):
    """A mapping in the file: frozen, and strict about keys and types."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, validate_default=True)


class Part(Section):
    """A section that is known by its key and by the workspace around it."""

    _name: str = PrivateAttr("")
    _workspace: str = PrivateAttr("")

    @property
    def name(self) -> str:
        """Its key in the file."""
        return self._name

    @property
    def workspace(self) -> str:
        """The key of the workspace around it: the scope of deduplication."""
        return self._workspace
