"""The settings and the rules of each social network.

`providers.X(who_can_reply_post="following")` are settings; `PROVIDERS["x"]` has the rules.
"""

from postiz_async.models.settings import (
    ProviderSettings as ProviderSettings,
    RawSettings as RawSettings,
)
from postiz_async.providers._blogs import (
    ArticleTag as ArticleTag,
    DevTo as DevTo,
    DevToTag as DevToTag,
    Hashnode as Hashnode,
    Listmonk as Listmonk,
    Medium as Medium,
    Tumblr as Tumblr,
    WordPress as WordPress,
)
from postiz_async.providers._communities import (
    Discord as Discord,
    Kick as Kick,
    Lemmy as Lemmy,
    LemmyPost as LemmyPost,
    LemmyTarget as LemmyTarget,
    Moltbook as Moltbook,
    Reddit as Reddit,
    RedditFlair as RedditFlair,
    RedditPost as RedditPost,
    RedditTarget as RedditTarget,
    Skool as Skool,
    Slack as Slack,
    Twitch as Twitch,
    Whop as Whop,
)
from postiz_async.providers._guide import (
    FieldLine as FieldLine,
    Guide as Guide,
    find_provider as find_provider,
    guide as guide,
)
from postiz_async.providers._microblogs import (
    Bluesky as Bluesky,
    Farcaster as Farcaster,
    FarcasterChannel as FarcasterChannel,
    FarcasterTarget as FarcasterTarget,
    Mastodon as Mastodon,
    Nostr as Nostr,
    Telegram as Telegram,
    Threads as Threads,
    X as X,
)
from postiz_async.providers._registry import (
    PROVIDERS as PROVIDERS,
    AnySettings as AnySettings,
    provider_of as provider_of,
    read_settings as read_settings,
)
from postiz_async.providers._schema import (
    Condition as Condition,
    Limit as Limit,
    MediaRule as MediaRule,
    Provider as Provider,
    SettingsField as SettingsField,
)
from postiz_async.providers._social import (
    VK as VK,
    Collaborator as Collaborator,
    Facebook as Facebook,
    GoogleBusiness as GoogleBusiness,
    Instagram as Instagram,
    InstagramAudio as InstagramAudio,
    InstagramStandalone as InstagramStandalone,
    LinkedIn as LinkedIn,
    LinkedInPage as LinkedInPage,
    MeWe as MeWe,
)
from postiz_async.providers._visual import (
    Dribbble as Dribbble,
    Pinterest as Pinterest,
    TikTok as TikTok,
    TikTokBusiness as TikTokBusiness,
    TikTokLocation as TikTokLocation,
    TikTokMusic as TikTokMusic,
    YouTube as YouTube,
    YouTubeTag as YouTubeTag,
)
