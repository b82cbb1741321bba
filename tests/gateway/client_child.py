"""A program that calls the gateway as any would: plain HTTP, a token as its key. Prints what came of its calls.

    client_child.py HOST:PORT TOKEN NUMBER CALLS

Every tenth call is an order, with a price of its own. When the connection breaks it waits for the gateway to be back;
an order whose answer was lost is counted, and not repeated.
"""

from __future__ import annotations

import http.client
import json
import sys
import time
from urllib.parse import urlencode

WAIT = 60.0  # seconds for the gateway to be back


def main(address: str, token: str, number: int, calls: int) -> dict[str, object]:
    answered, refused, lost = 0, [], 0
    placed: list[str] = []
    connection = http.client.HTTPConnection(address, timeout=30)
    for at in range(calls):
        is_order = at % 10 == 0
        fields = {"nonce": str(at)}
        if is_order:
            price = 10_000 + number * 1000 + at // 10
            fields |= {
                "pair": "XBTUSD",
                "type": "buy",
                "ordertype": "limit",
                "price": str(price),
                "volume": "0.01",
            }
        path = "/0/private/" + ("AddOrder" if is_order else "Balance")
        headers = {"API-Key": token, "Content-Type": "application/x-www-form-urlencoded"}
        for _ in range(2):
            try:
                connection.request("POST", path, urlencode(fields), headers)
                answer = json.loads(connection.getresponse().read())
                break
            except (OSError, http.client.HTTPException, ValueError):
                connection.close()
                wait_for(address)
                if is_order:
                    lost += 1
                    answer = None
                    break
        else:
            answer = {"error": ["lost twice"]}
        if answer is None:
            continue
        if answer["error"]:
            refused.append(answer["error"])
        else:
            answered += 1
            placed += answer["result"].get("txid", []) if is_order else []
    return {"answered": answered, "refused": refused, "lost": lost, "placed": placed}


def wait_for(address: str) -> None:
    end = time.monotonic() + WAIT
    while time.monotonic() < end:
        probe = http.client.HTTPConnection(address, timeout=5)
        try:
            probe.request("GET", "/")
            probe.getresponse().read()
            return
        except (OSError, http.client.HTTPException):
            time.sleep(0.02)
        finally:
            probe.close()


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))))
