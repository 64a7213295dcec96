"""Access tokens as Keycloak gives them."""

import secrets
import threading
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

CLIENT = "cdse-public"
PATH = "/auth/realms/CDSE/protocol/openid-connect/token"


class Tokens:
    """Tokens for one user; ``given`` counts them by grant, ``life`` and ``refresh_life`` are in seconds."""

    def __init__(self, user: str, password: str, life: float = 600, refresh_life: float = 3600) -> None:
        self.life, self.refresh_life = life, refresh_life
        self.given: Counter[str] = Counter()
        self._account = (user, password)
        self._lock = threading.Lock()
        self._access: dict[str, float] = {}
        self._refresh: dict[str, float] = {}

    def answer(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """Return the status and the JSON that answer a request for a token."""
        grant = form.get("grant_type", "")
        if form.get("client_id") != CLIENT:
            return 401, {"error": "invalid_client", "error_description": "Invalid client or Invalid client credentials"}
        with self._lock:
            if grant == "password":
                if (form.get("username"), form.get("password")) != self._account:
                    return 401, {"error": "invalid_grant", "error_description": "Invalid user credentials"}
            elif grant == "refresh_token":
                if self._refresh.get(form.get("refresh_token", ""), 0) <= time.monotonic():
                    return 400, {"error": "invalid_grant", "error_description": "Token is not active"}
            else:
                return 400, {"error": "unsupported_grant_type", "error_description": "Unsupported grant_type"}
            self.given[grant] += 1
            access, refresh = secrets.token_urlsafe(48), secrets.token_urlsafe(48)
            self._access[access] = time.monotonic() + self.life
            self._refresh[refresh] = time.monotonic() + self.refresh_life
        return 200, {
            "access_token": access,
            "expires_in": int(self.life),
            "refresh_token": refresh,
            "refresh_expires_in": int(self.refresh_life),
            "token_type": "Bearer",
            "not-before-policy": 0,
            "scope": "AUDIENCE_PUBLIC openid email profile",
        }

    def accepts(self, authorization: str | None) -> bool:
        """Tell whether an Authorization header holds a token that is still good."""
        kind, _, token = (authorization or "").partition(" ")
        with self._lock:
            return kind == "Bearer" and self._access.get(token, 0) > time.monotonic()

    def expire(self, refresh: bool = False) -> None:
        """Let all access tokens given so far be void, and the refresh tokens too if asked."""
        with self._lock:
            self._access.clear()
            if refresh:
                self._refresh.clear()
