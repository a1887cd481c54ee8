"""The HTTP API, version 1: read-only answers for staff. Errors are RFC 9457 problems."""
