"""What all groups of settings have in common: frozen, an unknown key is an error, docstrings describe their members.

The base of the groups in the modules beside it; ``model`` puts them together.
"""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Settings that belong together; the docstring under each is its description."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
