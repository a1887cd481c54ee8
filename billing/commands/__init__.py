"""Commands: one function each. They look at what stands, check the rules, and answer with events or a refusal; they write nothing."""
