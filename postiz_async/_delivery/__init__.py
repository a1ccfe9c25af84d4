"""Exactly-once sending, which must survive a crash, for campaigns, the outbox and idempotency keys.

The server has no idempotency key, so a request that may have been carried out is never simply sent
again. `send` has the rules of sending, `lookup` finds out what became of a request whose answer was
lost. Words that are used throughout:

* **intent**: the request as it leaves, written down before its first byte is sent.
* **record**: where a job writes its requests down: the journal of a campaign, the outbox's file.
* **mark**: identifies a post in the server's list: the milliseconds of its request's date,
  and the `client_ref` in its settings.
* **fence**: a create that was answered: the server starts no earlier request after it.
* **look-up**: a search for the posts of a request until it is certain which are stored.
* **key**: an idempotency key of a caller, with a record in the store of the quota (`idempotency`).
* **outage**: a time in which Postiz does not answer; the whole job waits until it ends.
"""
