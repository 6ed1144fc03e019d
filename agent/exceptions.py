"""Everything that the agent refuses, by name.

AgentError
├── SettingsInvalid          a settings file says something that the agent does not understand
├── DirectoryNotOurs         a directory holds somebody else's files
├── NotEnrolled              there is no identity yet
├── AlreadyEnrolled          there is one, and nobody asked to replace it
├── AlreadyRunning           another agent holds this home
├── NotRunning               no agent answers on this home
├── EnrolmentRefused         the console said no
├── ConsoleUnreachable       no usable connection to the console
├── CertificateUnacceptable  a certificate is not what it should be
├── RenewalFailed            the program that renews the certificate did not succeed
├── InstructionRefused       an instruction is authentic, and still will not be carried out
├── WorkerFailed             the process that runs sensors did not do its work
└── RecordingImpossible      no event source can be used on this computer
"""

from __future__ import annotations


class AgentError(Exception):
    """The base of all refusals of the agent; its text is one sentence for the administrator."""


class SettingsInvalid(AgentError):
    """A settings file cannot be used as it stands."""


class DirectoryNotOurs(AgentError):
    """A directory that the agent should use holds files that it did not put there."""


class NotEnrolled(AgentError):
    """The agent has no identity: it must be enrolled first."""


class AlreadyEnrolled(AgentError):
    """The agent has an identity already."""


class AlreadyRunning(AgentError):
    """Another agent runs on the same home."""


class NotRunning(AgentError):
    """No agent runs on this home."""


class EnrolmentRefused(AgentError):
    """The console refused to enrol this endpoint or to renew its certificate."""


class ConsoleUnreachable(AgentError):
    """The console could not be reached, or what answered is not the console."""


class CertificateUnacceptable(AgentError):
    """A certificate does not belong to the key, the CA or the fingerprint that it should."""


class RenewalFailed(AgentError):
    """The certificate was not renewed, in the words of the program that tried."""


class InstructionRefused(AgentError):
    """An authentic instruction that this agent does not carry out, with the reason."""


class WorkerFailed(AgentError):
    """The process that runs sensors could not be started, ended, or took too long."""


class RecordingImpossible(AgentError):
    """No event source of this agent works on this computer."""
