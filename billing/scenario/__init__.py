"""Scenarios: a business told as a file, played through the commands, ticks and runs of production.

    reading  file → Story        world  where it is played        player  step by step        facts, compare  what must be true
    report   what came out       schema the format as JSON Schema
"""
