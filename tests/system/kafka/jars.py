"""The jars of the demo's broker."""

from deploy.broker.jars import classpath, java, versions

__all__ = ["classpath", "java", "versions"]
