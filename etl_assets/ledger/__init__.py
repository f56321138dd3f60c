"""What happened: deliveries, leases, runs, validations, scores, findings, in one SQL database.

`etl_assets.ledger.ledger.Ledger` is the door, `etl_assets.ledger.records` are the things that go through it.
"""
