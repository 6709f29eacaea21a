"""Holds answers against GitLab's own JSON schemas, extra keys allowed.

usage: contract_schemas.py FOLDER ANSWERS     ANSWERS: lines of {"schema": file, "list": bool, "what": text, "value": ...}
Prints each breach, then how many answers were held against how many schemas.
"""
import json
import os
import sys
import warnings

import jsonschema

warnings.simplefilter("ignore")
folder = os.path.abspath(sys.argv[1])


def loosen(node):
    """Extra keys are allowed: GitLab adds some with every release."""
    if isinstance(node, dict):
        return {key: loosen(value) for key, value in node.items() if key != "additionalProperties"}
    return [loosen(value) for value in node] if isinstance(node, list) else node


def load(uri):
    with open(uri[len("file://"):]) as file:
        return loosen(json.load(file))


validators = {}


def validator(name):
    if name not in validators:
        uri = "file://" + os.path.join(folder, name)
        schema = load(uri)
        resolver = jsonschema.RefResolver(uri, schema, handlers={"file": load})
        validators[name] = jsonschema.Draft4Validator(
            schema, resolver=resolver, format_checker=jsonschema.FormatChecker())
    return validators[name]


count = breaches = 0
with open(sys.argv[2]) as answers:
    for line in answers:
        answer = json.loads(line)
        for value in answer["value"] if answer["list"] else [answer["value"]]:
            count += 1
            for error in validator(answer["schema"]).iter_errors(value):
                breaches += 1
                if breaches <= 10:
                    print("%s: %s: %s: %s" % (answer["what"], answer["schema"],
                                              "/".join(map(str, error.absolute_path)), error.message[:200]))
print("%d answers, %d schemas, %d breaches" % (count, len(validators), breaches))
