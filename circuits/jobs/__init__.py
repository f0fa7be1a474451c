"""Jobs on machines that are paid for and queued at: none lost, none sent twice."""

from circuits.jobs.errors import JobError, TransientError
from circuits.jobs.runner import Patience, Request, Service, run_jobs
from circuits.jobs.store import Job, JobStore

__all__ = [
    "Job",
    "JobError",
    "JobStore",
    "Patience",
    "Request",
    "Service",
    "TransientError",
    "run_jobs",
]
