"""The limits file: how often and at which hours a number is texted, in which countries, and how much an app may send there."""
