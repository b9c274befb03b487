"""One adapter of an engine, as an engine of its own: whoever feeds it need not know that there are others.

Loads nothing and frees nothing: the shared engine is its owner's to close.
"""

from collections.abc import Sequence

from edgedoc.engines.base import AdapterEngine, Logits
from edgedoc.engines.feeding import check_rewind, check_room
from edgedoc.errors import EngineError


class AdaptedEngine:
    """`engine` with `adapter` over it. Implements `Engine`.

    The shared engine is switched when this one is used. It has one cache, and what it holds belongs to the adapter that
    computed it: after others were used, nothing is left of what was fed here, and `position` is 0.
    """

    def __init__(self, engine: AdapterEngine, adapter: str, context_length: int) -> None:
        """`context_length`: positions to use of those that the shared engine has.

        Raises UsageError for a name that the engine does not know.
        """
        engine.use(adapter)
        self._engine, self._adapter = engine, adapter
        self._context_length = min(context_length, engine.context_length)
        self._closed = False

    @property
    def vocab_size(self) -> int:
        """Columns of the logits."""
        self._check_open()
        return self._engine.vocab_size

    @property
    def context_length(self) -> int:
        """See `Engine.context_length`."""
        self._check_open()
        return self._context_length

    @property
    def position(self) -> int:
        """See `Engine.position`; 0 where another adapter was used since."""
        self._check_open()
        return self._engine.position if self._engine.adapter == self._adapter else 0

    def extend(self, tokens: Sequence[int], logits: int = 1) -> Logits:
        """See `Engine.extend`."""
        check_room(len(tokens), self.position, self._context_length)
        self._engine.use(self._adapter)
        return self._engine.extend(tokens, logits)

    def rewind(self, position: int) -> None:
        """See `Engine.rewind`."""
        check_rewind(position, self.position)
        self._engine.use(self._adapter)
        self._engine.rewind(position)

    def close(self) -> None:
        """Feed it no more; the shared engine stays."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("The engine is closed.")
