"""Buy for the same amount once a day, and not twice: not after a restart, not after kill -9 at any moment.

The day is written to a file before the order is sent. A start that finds it there looks for the order, by an id made
from the day, for as long as an order may take to show; only if there is none does it buy.
"""

import os
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

from kraken_async import KrakenError, OrderError, Outcome
from kraken_async.sync import KrakenSession

STATE = Path(os.environ.get("DCA_STATE", "dca-begun.txt"))


def buy(client: KrakenSession, dollars: Decimal, order_id: str) -> None:
    pair = client.markets()["BTC/USD"]
    price = pair.price(client.public("Ticker", pair=pair.key)[pair.key]["a"][0])
    volume = pair.volume(dollars / price)
    pair.check(price, volume)  # below Kraken's minimum: InvalidArguments, and nothing is sent
    order = {"pair": pair.key, "type": "buy", "ordertype": "limit", "price": price, "volume": volume}
    client.private("AddOrder", order, cl_ord_id=order_id)


def bought(client: KrakenSession, order_id: str) -> Any:
    """Return the order of this day once it is closed, or None if there is none."""
    try:
        return client.wait_for(cl_ord_id=order_id)
    except OrderError:  # none has shown in two minutes: it was never sent
        return None


def main(dollars: Decimal = Decimal(100), every: int = 86_400) -> None:
    order_id = f"dca-{int(time.time()) // every}"
    with KrakenSession.from_env() as client:
        begun = STATE.exists() and STATE.read_text() == order_id
        order = bought(client, order_id) if begun else None
        if order is None:
            STATE.write_text(order_id)
            try:
                buy(client, dollars, order_id)
            except KrakenError as error:
                if error.outcome != Outcome.UNKNOWN:
                    STATE.unlink()  # nothing was bought: the next start may try again
                raise
            order = bought(client, order_id)
        print(order["status"], order["vol_exec"], "at", order["price"], "fee", order["fee"])


if __name__ == "__main__":
    main()
