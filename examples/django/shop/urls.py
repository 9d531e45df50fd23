"""The app's URLs."""

from django.urls import path

from shop import views

urlpatterns = [
    path("orders", views.create_order),
    path("orders/<int:number>", views.show_order),
    path("sms/outcomes", views.take_outcome),
]
