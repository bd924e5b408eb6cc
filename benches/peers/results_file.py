"""A file of docs/results, as `langevin results` reads it."""

import json


def write(path, topic, command, version, machine, date, rows):
    """Replaces `path`: what was run where and when, then one row to a line."""
    head = {"topic": topic, "command": command, "version": version, "machine": machine, "date": date}
    fields = ",\n".join(f"  {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items())
    body = ",\n".join("    " + json.dumps(row, ensure_ascii=False) for row in rows)
    with open(path, "w") as file:
        file.write(f"{{\n{fields},\n  \"rows\": [\n{body}\n  ]\n}}\n")
