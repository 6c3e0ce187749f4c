"""A ROS domain of its own for every test process."""

from tests.own_domain import domain

__all__ = ["domain"]
