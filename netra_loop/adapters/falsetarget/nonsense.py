"""What a sabotaged target says in every protocol: well formed, and never what anybody asked for."""

NONSENSE = b'{"status": "sabotaged", "n": -1}'
