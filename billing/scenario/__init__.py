"""Scenarios: a business told as a file, played through the commands, ticks and runs of production.

`reading` makes a `story` of a file, `world` a database to play it in, and `player` plays it step by step; `facts` says what is so,
`expecting` and `comparing` whether that is what the story says. `report` and `statement` show what came out, `schema` what a file may hold.
"""
