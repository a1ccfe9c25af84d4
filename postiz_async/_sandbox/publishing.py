"""Publish posts that are due, whenever the state is read.

Nothing runs in the background: a job is an entry in a heap, and the next reader of the state
publishes the posts that became due in the meantime.
"""

from __future__ import annotations

from functools import partial

import msgspec

from postiz_async._sandbox.rows import ChannelRow, NotificationRow, PostRow
from postiz_async._sandbox.state import Organization, SandboxState, WebhookDelivery, why_refused

_WEBHOOK_BODY = b"[]"  # nothing about the post, by a defect of the server


def store_post(state: SandboxState, organization: Organization, post: PostRow) -> None:
    """Put a row into the table, and its job, if it has one, into the heap."""
    organization.posts.put(post)
    if post.has_job and post.parent_id is None:
        state.jobs.add(post.date, partial(_publish_in_time, state, organization, post))


def catch_up(state: SandboxState) -> None:
    """Run all jobs that are due: store posts, and publish them."""
    state.delayed_jobs.run_due(state.clock.monotonic())
    state.jobs.run_due(state.now)


def _publish_in_time(state: SandboxState, organization: Organization, then: PostRow) -> None:
    """Publish a post, unless it was changed so that the job made for `then` no longer applies."""
    post = organization.posts.get(then.id)
    if post is None or post.deleted_at is not None or not post.has_job or post.date != then.date:
        return
    _publish(state, organization, post)


def publish_waiting(state: SandboxState, post_id: str | None) -> set[str]:
    """Publish one scheduled post or all, before their dates; returns the ids.

    Raises:
        LookupError: There is no such post.
    """
    catch_up(state)
    if post_id is not None and not any(each.posts.get(post_id) for each in state.organizations):
        raise LookupError(f"no post {post_id!r}")
    done: set[str] = set()
    for organization in state.organizations:
        for post in organization.posts.live_roots():
            if post.has_job and post_id in {None, post.id}:
                _publish(state, organization, post)
                done.add(post.id)
    return done


def _publish(state: SandboxState, organization: Organization, post: PostRow) -> None:
    channel = organization.channels[post.channel_id]
    parts = (post, *organization.posts.comments_of(post))
    reason = _obstacle(channel) or why_refused(
        state.failing_texts, (part.content for part in parts)
    )
    if reason is not None:
        changes: dict[str, object] = {"state": "ERROR", "error": reason}
        content, link = f"Your post could not be published on {channel.name}: {reason}", None
    else:
        release_id = str(int(post.date) * 1000 + len(organization.notifications) % 1000)
        link = f"https://{channel.provider}.example/{channel.profile}/{release_id}"
        changes = {"state": "PUBLISHED", "release_id": release_id, "release_url": link}
        content = f"Your post has been published on {channel.name} at {link}"
    published = msgspec.structs.replace(post, has_job=False, updated_at=state.now, **changes)
    organization.posts.put(published)
    note = NotificationRow(state.ids.uuid(), content, link, max(post.date, post.created_at))
    organization.notifications.append(note)
    if reason is None:
        for webhook in organization.webhooks:
            if not webhook.channel_ids or channel.id in webhook.channel_ids:
                state.jobs.deliveries.append(WebhookDelivery(webhook.url, _WEBHOOK_BODY))
                state.jobs.changed.set()


def _obstacle(channel: ChannelRow) -> str | None:
    if channel.deleted_at is not None or channel.disabled:
        return "the channel is disabled"
    if channel.refresh_needed:
        return "the channel has to be connected again"
    return channel.failure
