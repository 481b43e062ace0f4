"""The only module that opens ONNX files: it checks rules, then the digest, then tries the file in a child process."""

import threading
import time
import weakref
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from numpy.typing import NDArray

from caloforge.errors import InputError
from caloforge.files import read_bytes
from caloforge.simulators import onnx_rules
from caloforge.simulators.model_card import METADATA_KEY, NO_DIGEST, ModelCard
from caloforge.simulators.protobuf import Message
from caloforge.trial import attempt

MAX_BYTES = 2**31 - 1
SECONDS = 10  # largest CPU time for opening a file and calling it once
MEMORY, PER_BYTE = 384 * 2**20, 8  # largest memory of the trial [bytes], and in addition per byte of the file
PATIENCE = 5.0  # seconds that a terminated call may take to stop
SHORT = 0.05  # seconds that Ctrl-C may wait for a call

_tried: set[str] = set()  # digests of files that passed their trial, or were written by this process


@dataclass(frozen=True)
class OnnxFile:
    """An exported model that keeps the rules.

    Attributes:
        path: path of the file.
        content: content of the file.
        card: metadata of the model.
    """

    path: Path
    content: bytes
    card: ModelCard

    @classmethod
    def read(cls, path: Path) -> "OnnxFile":
        """Read a file, and check it against the rules and its digest.

        Raises:
            InputError: the file does not exist, is too large, breaks a rule, was not exported by caloforge, or has
                changed since.
        """
        content, model = read_onnx(path)
        card = ModelCard.parse(onnx_rules.metadata(model, METADATA_KEY), str(path))
        if card.digest is not None and card.digest != _digest(content, card.digest):
            raise InputError(f"{path} is damaged or was changed: its content does not match the digest in its metadata")
        return cls(path, content, card)

    def try_out(self) -> None:
        """Let a child process open the model and call it once, unless the same content has passed before.

        Raises:
            InputError: the model does not open, takes too long or too much memory, or crashes the runtime.
        """
        name = sha256(self.content).hexdigest()
        if name not in _tried:
            memory = MEMORY + PER_BYTE * len(self.content)
            attempt("caloforge.simulators.onnx_trial:run", self.path, seconds=SECONDS, memory=memory)
            _tried.add(name)


def read_onnx(path: Path) -> tuple[bytes, Message]:
    """Read an ONNX file of any origin that keeps the rules; return its bytes and its outermost message.

    Raises:
        InputError: the file does not exist, is too large, or breaks a rule.
    """
    if not path.exists():
        raise InputError(f"no such file: {path}")
    content = read_bytes(path, MAX_BYTES)
    try:
        return content, onnx_rules.check(content)
    except InputError as error:
        raise InputError(f"{path} is not a usable ONNX model: {error}") from None


def sealed(graph: bytes, card: ModelCard, *, trusted: bool = True) -> bytes:
    """Content of an ONNX file with a model and its card, which gets the digest of the whole file.

    The digest is that of the file with zeros in its place.

    Args:
        graph: ONNX model without a card.
        card: card of the model.
        trusted: whether this process has made the network, so that it needs no trial.
    """
    text = card.model_copy(update={"digest": NO_DIGEST}).to_json().encode()
    entry = _field(1, METADATA_KEY.encode()) + _field(2, text)
    content = graph + _field(onnx_rules.METADATA, entry)
    name = sha256(content).hexdigest()
    place = content.rindex(NO_DIGEST.encode())
    whole = content[:place] + name.encode() + content[place + len(name) :]
    if trusted:
        _tried.add(sha256(whole).hexdigest())
    return whole


def upgraded(file: OnnxFile) -> bytes:
    """Content of the same file with a card of the current schema.

    Raises:
        InputError: the card is not where caloforge writes it, or its detector does not fit.
    """
    card = file.card.completed(file.card.built_detector(str(file.path)))
    cards = [
        entry for entry in Message(memoryview(file.content)).all(onnx_rules.METADATA) if _key(entry) == METADATA_KEY
    ]
    field = _field(onnx_rules.METADATA, bytes(cards[-1]))
    if len(cards) != 1 or file.content.count(field) != 1:
        raise InputError(f"{file.path}: its metadata were not written by caloforge; export or import the network again")
    return sealed(file.content.replace(field, b""), card, trusted=False)


def _key(entry: memoryview) -> str:
    return Message(entry).text(1).decode(errors="replace")


def _digest(content: bytes, digest: str) -> str:
    """Digest of a file with zeros in the place of `digest`; empty if `digest` does not occur exactly once."""
    place = content.find(digest.encode())
    if content.count(digest.encode()) != 1:
        return ""
    found = sha256(memoryview(content)[:place])
    found.update(NO_DIGEST.encode())
    found.update(memoryview(content)[place + len(digest) :])
    return found.hexdigest()


def _field(number: int, content: bytes) -> bytes:
    """A length-delimited protobuf field."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    digits = []
    while value >> 7:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*digits, value])


class Session:
    """ONNX Runtime with one model; a call ends at Ctrl-C, or if another thread closes the session.

    Calls of as many showers as one that took less than `SHORT` run in the calling thread, and end by themselves.
    """

    def __init__(self, content: bytes, threads: int, *, trial: bool = False) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 4
        options.add_session_config_entry("session.load_model_format", "ONNX")
        if trial:  # optimisation would compute constants of any size and keep memory
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
            options.enable_cpu_mem_arena = False
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        self._options = onnxruntime.RunOptions
        self._calls: set[Any] = set()
        self._jobs: SimpleQueue[Any] = SimpleQueue()
        self._worker: threading.Thread | None = None
        self._short = 0  # largest number of showers of a short call
        weakref.finalize(self, self._jobs.put, None)

    @property
    def inputs(self) -> dict[str, list[Any]]:
        """Shapes of the inputs by name; free axes are names or None."""
        return {entry.name: entry.shape for entry in self._session.get_inputs()}

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return tuple(entry.name for entry in self._session.get_outputs())

    def run(self, output: str, feeds: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """Call the model, and return one output.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed; the call has stopped.
            Exception: ONNX Runtime has failed.
        """
        options = self._options()
        options.log_severity_level = 4
        self._calls.add(options)
        try:
            showers = len(next(iter(feeds.values()), ()))
            # only the main thread is interrupted
            if showers <= self._short or threading.current_thread() is not threading.main_thread():
                return self._session.run([output], feeds, options)[0]  # type: ignore[no-any-return]
            begin = time.perf_counter()
            result = self._beside(output, feeds, options)
            if time.perf_counter() - begin < SHORT:
                self._short = showers
            return result
        finally:
            self._calls.discard(options)

    def _beside(self, output: str, feeds: Mapping[str, NDArray[Any]], options: Any) -> NDArray[Any]:
        """Call the model in another thread while this one waits, since signals wait until foreign code returns."""
        if self._worker is None:
            self._worker = threading.Thread(target=_work, args=(self._jobs, self._session), daemon=True)
            self._worker.start()
        future: Future[Any] = Future()
        self._jobs.put((future, output, feeds, options))
        try:
            return future.result()[0]  # type: ignore[no-any-return]
        except KeyboardInterrupt:
            options.terminate = True
            future.exception(PATIENCE)
            raise

    def close(self) -> None:
        """Stop running calls and release the network."""
        for options in list(self._calls):
            options.terminate = True
        self._jobs.put(None)


def _work(jobs: "SimpleQueue[Any]", session: Any) -> None:
    """Run jobs until the job None comes."""
    while (job := jobs.get()) is not None:
        future, output, feeds, options = job
        try:
            future.set_result(session.run([output], feeds, options))
        except BaseException as error:
            future.set_exception(error)
        del job, future, feeds
