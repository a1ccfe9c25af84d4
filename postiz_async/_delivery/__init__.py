"""What must survive a crash: how requests of campaigns and of the outbox are sent exactly once.

The server has no idempotency key, so a request that may have been carried out is never just sent
again. `send` has the law of sending, `lookup` finds out what became of a request whose answer was
lost. Words that are used throughout:

* **intent**: the request as it leaves, written down before its first byte is sent.
* **record**: where a job writes its requests down: the journal of a campaign, the outbox's file.
* **mark**: what a post is known by in the server's list: the milliseconds of its request's date,
  and the `client_ref` in its settings.
* **fence**: a create that was answered. What was sent before it does not begin after it.
* **look-up**: looking for the posts of a request until it is certain which are stored.
* **key**: an idempotency key of a caller, with a record in the store of the quota (`idempotency`).
* **outage**: the time in which Postiz does not answer; a whole job waits for its end together.
"""
