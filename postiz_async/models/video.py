"""Generated videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from postiz_async.models._base import Model
from postiz_async.models.posts import MediaRef


class SlidesVideo(Model, frozen=True, kw_only=True):
    """Pictures with a spoken text. `voice` is an id, which `media.video_function` lists."""

    prompt: str
    voice: str
    output: Literal["vertical", "horizontal"] = "vertical"

    @property
    def custom_params(self) -> Mapping[str, object]:
        """The parameters for the generator."""
        return {"voice": self.voice, "prompt": self.prompt}


class Veo3Video(Model, frozen=True, kw_only=True):
    """A film from a prompt and at most three pictures."""

    prompt: str
    images: list[MediaRef] = []
    output: Literal["vertical", "horizontal"] = "vertical"

    @property
    def custom_params(self) -> Mapping[str, object]:
        """The parameters for the generator."""
        return {"prompt": self.prompt, "images": self.images}


class VideoRequest(Model, frozen=True, kw_only=True):
    """The body of `POST /generate-video`."""

    type: str
    output: str
    custom_params: Mapping[str, object]
