"""What is known of the prompts: their text, what they wrote, what editors made of that, what
they would send; nothing here writes, and nothing asks a model.
"""
