"""The course: lessons become pages, slides, and notebooks of students and instructors."""
