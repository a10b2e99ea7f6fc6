"""Coverage: how often do the study's 95 % intervals hold the truth, on cohorts whose truth is known?"""
