"""evaluate.py BASE_URL KEY CALLS: has flags evaluated as a Python service would, by OpenFeature's SDK.

CALLS is JSON: [{type, key, default, context}]. Prints one line of JSON: the details of each.
"""

import json
import sys

from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

base_url, key, calls = sys.argv[1:]
api.set_provider(OFREPProvider(base_url, headers_factory=lambda: {"Authorization": f"Bearer {key}"}))
client = api.get_client()
told = []
for call in json.loads(calls):
    attributes = dict(call["context"])
    context = EvaluationContext(targeting_key=attributes.pop("targetingKey", None), attributes=attributes)
    ask = getattr(client, f"get_{call['type']}_details")
    default = float(call["default"]) if call["type"] == "float" else call["default"]
    details = ask(call["key"], default, context)
    told.append({
        "value": details.value,
        "variant": details.variant,
        "reason": details.reason and str(details.reason),
        "error": details.error_code and details.error_code.value,
    })
print(json.dumps(told))
