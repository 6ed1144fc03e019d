"""Why a console does not start. Each message says what to do about it."""


class CannotStart(Exception):
    """The console cannot run here as it is."""


class AlreadyRunning(CannotStart):
    """Another supervisor works on the same data directory."""


class PortTaken(CannotStart):
    """Another program listens on a port that the console needs."""


class ProgramFailed(CannotStart):
    """A program ended, or was not ready in time."""


class StopRequested(Exception):
    """Whoever started the console wants it to end before it is ready. No failure."""
