"""The cases on Dask's distributed scheduler: nothing is stored, nothing outlives it."""

from __future__ import annotations

from distributed import Client, LocalCluster

from benchmarks.peers.telling import GROUP, PIECES, tell, tell_first, timed


def increment(number: int) -> int:
    return number + 1


def make(size: int, _number: int) -> bytes:
    return bytes(size)


def warm() -> Client:
    """Workers are processes: two, of one thread each."""
    cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    client = Client(cluster)
    client.gather(client.map(increment, range(-64, 0)))
    return client


def run_cold(_count: int) -> float:
    client = Client(LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None))
    return tell_first(client.submit(increment, 2).result())


def run_chain(count: int) -> float:
    client = warm()

    def chain() -> object:
        future = client.submit(increment, 0)
        for _ in range(count - 1):
            future = client.submit(increment, future)
        return future.result()

    return timed(chain, count)


def run_fan_out(count: int) -> float:
    client = warm()
    return timed(
        lambda: client.submit(sum, client.map(increment, range(count))).result(), count * (count + 1) // 2
    )


def run_map_reduce(count: int) -> float:
    client = warm()

    def map_reduce() -> object:
        numbers = client.map(increment, range(count))
        groups = [client.submit(sum, numbers[at : at + GROUP]) for at in range(0, count, GROUP)]
        return client.submit(sum, groups).result()

    return timed(map_reduce, count * (count + 1) // 2)


def run_at_once(count: int) -> float:
    client = warm()

    def all_of_them() -> object:
        futures = [client.submit(increment, number) for number in range(count)]
        return sum([future.result() for future in futures])

    return timed(all_of_them, count * (count + 1) // 2)


def run_values(count: int) -> float:
    client = warm()
    size = count * 1_000_000 // PIECES

    def values() -> object:
        made = [client.submit(make, size, number) for number in range(PIECES)]
        return client.submit(sum, [client.submit(len, value) for value in made]).result()

    return timed(values, PIECES * size)


if __name__ == "__main__":
    tell(
        {
            "cold-start": run_cold,
            "chain": run_chain,
            "fan-out": run_fan_out,
            "map-reduce": run_map_reduce,
            "at-once": run_at_once,
            "values": run_values,
        }
    )
