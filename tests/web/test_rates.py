"""How often one client may ask, where there are very many of them."""

from __future__ import annotations

from heliograph.web.rates import _CLIENTS, Rates


def test_of_very_many_clients_those_are_known_that_were_here_last() -> None:
    rates = Rates(a_second=1.0, most=1.0, clock=lambda: 0.0)
    clients = [f"client {number}" for number in range(_CLIENTS + 1)]
    waits = [rates.wait(client) for client in clients]
    assert not any(waits)
    assert not rates.is_out(clients[0])  # forgotten: its budget is a new one
    assert all(rates.is_out(client) for client in clients[1:])
