"""The rules about notices that the database keeps itself."""

from audit.triggers import immutable, set_once

NOTICE = "notices_notice"

GUARDS = (
    immutable(NOTICE, ["user_id", "kind", "object_type", "object_id", "occasion", "posted_at"]),
    set_once(NOTICE, ["sent_at", "dropped_at"]),
)
