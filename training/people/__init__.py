"""Evaluation of detection and tracking of people, on a film with ground truth."""
