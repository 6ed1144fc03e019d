"""The Signal language: grammar, parser, compiler and evaluator of rules over live events."""
