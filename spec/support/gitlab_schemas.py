"""Holds answers against GitLab's own JSON schemas. Reads lines "SCHEMA<tab>PATH<tab>JSON" and prints
one line for each mistake, then "N answers". PATH leads to what the schema is for: "" is the whole,
"[]" each element, "a.b[].c" what lies deeper; null at its end is passed over.

usage: gitlab_schemas.py FOLDER < answers
"""
import json
import os
import sys

import jsonschema

folder = os.path.realpath(sys.argv[1])
known = {}
validators = {}


def loosened(value):
    """Extra keys are allowed: the schemas are of one version, and GitLab adds fields."""
    if isinstance(value, dict):
        return {k: loosened(v) for k, v in value.items()
                if not (k in ("additionalProperties", "unevaluatedProperties") and v is False)}
    if isinstance(value, list):
        return [loosened(v) for v in value]
    return value


def load(uri):
    path = uri[len("file://"):]
    if path not in known:
        with open(path, encoding="utf-8") as file:
            known[path] = loosened(json.load(file))
    return known[path]


def validator(name):
    if name not in validators:
        uri = "file://" + os.path.join(folder, name)
        schema = load(uri)
        resolver = jsonschema.RefResolver(uri, schema, handlers={"file": load})
        validators[name] = jsonschema.Draft7Validator(schema, resolver=resolver)
    return validators[name]


def parts(value, path):
    """What lies at the end of the path."""
    if value is None and path is not None:
        return
    if not path:
        yield value
    elif path.startswith("[]"):
        for element in value:
            yield from parts(element, path[2:].lstrip("."))
    else:
        name = path.split(".", 1)[0].split("[", 1)[0]
        if name in value:
            yield from parts(value[name], path[len(name):].lstrip("."))


def main():
    count = 0
    for line in sys.stdin:
        name, path, text = line.rstrip("\n").split("\t", 2)
        for part in parts(json.loads(text), path):
            count += 1
            for error in validator(name).iter_errors(part):
                where = "/".join(str(step) for step in error.absolute_path)
                print("%s at %s /%s: %s" % (name, path, where, error.message[:200]))
    print("%d answers" % count)


main()
