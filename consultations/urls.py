from django.urls import path

from consultations import booking_views, calendar_views, consent_views, day_views, next_views, note_views, views

app_name = "consultations"
urlpatterns = [
    path("", views.consultation_list, name="list"),
    path("calendar/", calendar_views.manage, name="calendar"),
    path("check/", views.check, name="check"),
    path("<uuid:pk>/", views.consultation_detail, name="detail"),
    path("<uuid:pk>/move/", booking_views.move, name="move"),
    path("<uuid:pk>/cancel/", booking_views.cancel, name="cancel"),
    path("<uuid:pk>/needs/", booking_views.needs, name="needs"),
    path("<uuid:pk>/calendar.ics", calendar_views.one, name="calendar-file"),
    path("<uuid:pk>/call/", views.call, name="call"),
    path("<uuid:pk>/recording/", consent_views.answer, name="answer-recording"),
    path("<uuid:pk>/wait/", day_views.wait, name="wait"),
    path("<uuid:pk>/message/", day_views.message, name="message"),
    path("<uuid:pk>/message/read/", day_views.read, name="message-read"),
    path("<uuid:pk>/admit/", day_views.admit, name="admit"),
    path("<uuid:pk>/missed/", day_views.missed, name="missed"),
    path("<uuid:pk>/expected/", day_views.expected, name="expected"),
    path("<uuid:pk>/next/", next_views.next_one, name="next"),
    path("<uuid:pk>/beside/", note_views.beside_call, name="beside"),
    path("<uuid:pk>/note/", note_views.write, name="write_note"),
    path("notes/<uuid:pk>/share/", note_views.share, name="share_note"),
]
