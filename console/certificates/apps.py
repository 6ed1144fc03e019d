from django.apps import AppConfig


class CertificatesConfig(AppConfig):
    """The certificate authority and what it issued."""

    name = "console.certificates"
    label = "certificates"
    verbose_name = "Certificates"
