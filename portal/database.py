"""What a process asks of PostgreSQL when it connects: its role, and how long anything may take.

The pages answer within seconds or give up, so that one stuck statement never holds all threads; the background work has
time for a workbook of thousands; commands (migrations among them) only never wait for a lock without end.
"""

LIMITS = {
    "web": {"lock_timeout": "10s", "statement_timeout": "60s", "idle_in_transaction_session_timeout": "60s"},
    "worker": {"lock_timeout": "10s", "statement_timeout": "10min"},
}
OTHERS = {"lock_timeout": "10s"}
WEB_ROLE = "portal_web"


def startup_options(process: str, given: str = "") -> str:
    """The `options` of a connection of that process: our limits, then what DATABASE_URL gave, then the role.

    PostgreSQL obeys the last one said: limits may be given otherwise from outside, the role of the pages may not.
    """
    limits = [f"-c {name}={value}" for name, value in LIMITS.get(process, OTHERS).items()]
    role = [f"-c role={WEB_ROLE}"] if process == "web" else []
    return " ".join([*limits, *([given.strip()] if given.strip() else []), *role])
