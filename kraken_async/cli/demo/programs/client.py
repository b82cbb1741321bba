"""A program in Python that signs as Kraken documents it, with the standard library alone: URL TOKEN CALLS.

Prints Kraken's answer to each call, a line each. Every fifth call is an order. It knows nothing of the gateway: only
its address and its key differ from what it would be given for Kraken itself.
"""

import base64
import hashlib
import hmac
import json
import sys
import threading
import time
import urllib.request
from urllib.parse import urlencode

URL, TOKEN, CALLS = sys.argv[1], sys.argv[2], int(sys.argv[3])
THREADS = 4


def call(endpoint: str, **fields: str) -> str:
    """Make one private call as Kraken's documentation says; return its answer on one line."""
    path = f"/0/private/{endpoint}"
    nonce = str(int(time.time() * 1000))
    body = urlencode({"nonce": nonce, **fields}).encode()
    digest = hashlib.sha256(nonce.encode() + body).digest()
    sign = hmac.new(base64.b64decode(TOKEN), path.encode() + digest, hashlib.sha512).digest()
    headers = {"API-Key": TOKEN, "API-Sign": base64.b64encode(sign).decode()}
    request = urllib.request.Request(URL + path, body, headers)
    with urllib.request.urlopen(request, timeout=60) as response:  # nosec B310  # loopback, our own words
        return json.dumps(json.loads(response.read()))


def work(first: int) -> None:
    """Make every fourth call: balances, and an order now and then."""
    for number in range(first, CALLS, THREADS):
        if number % 5:
            answer = call("Balance")
        else:
            price = str(10_000 + number)
            answer = call(
                "AddOrder", pair="XBTUSD", type="buy", ordertype="limit", price=price, volume="0.01"
            )
        sys.stdout.write(answer + "\n")


def main() -> None:
    """Make all calls, from several threads at once."""
    threads = [threading.Thread(target=work, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
