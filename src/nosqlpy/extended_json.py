"""MongoDB Extended JSON: documents as JSON text and back, every type kept.

    from nosqlpy.extended_json import decode_json, encode_json

See https://www.mongodb.com/docs/manual/reference/mongodb-extended-json/
"""

from nosqlpy._core.values.extended_json import decode_json, encode_json

__all__ = ["decode_json", "encode_json"]
