"""A database engine for Django: PostgreSQL, on the embedded server."""
