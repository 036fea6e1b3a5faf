from .folder import FolderReport, enhance_folder, plan_folder
from .inferencer import LowLightInferencer

__all__ = [
    'FolderReport', 'LowLightInferencer', 'enhance_folder', 'plan_folder'
]
