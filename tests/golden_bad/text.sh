echo '{"name": "not a trace", "size": 12}' >bad.zst
