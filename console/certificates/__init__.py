"""The certificate authority, certificates, enrolment tokens and content-signing keys."""
