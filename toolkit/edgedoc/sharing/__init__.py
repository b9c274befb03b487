"""Artifacts from and to the Hugging Face hub, with their licence and a card that says what they are."""
