"""All trades of the account as a CSV file. Stopped or killed in between, it goes on with the report it asked for."""

import asyncio
import csv
import sys
from pathlib import Path

from kraken_async import ExportProgress, KrakenSession, read_export


def show(progress: ExportProgress) -> None:
    print(f"{progress.seconds:4.0f} s  {progress.report_id} {progress.status}", flush=True)


async def main(folder: Path) -> None:
    async with KrakenSession.from_env() as client:
        packed = await client.export("trades", folder / "trades.zip", progress=show)
    count, writer = 0, None
    with (folder / "trades.csv").open("w", newline="") as file:
        for count, trade in enumerate(read_export(packed), 1):
            writer = writer or csv.DictWriter(file, trade)
            if count == 1:
                writer.writeheader()
            writer.writerow(trade)
    print(count, "trades in", file.name)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
