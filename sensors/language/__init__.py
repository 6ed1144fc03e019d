"""The language of questions: text to `protocol.questions`, and back."""
