from .export import export_onnx
from .export_model import export_model_onnx
from .folder import FolderReport, enhance_folder, plan_folder, plan_images
from .inferencer import LowLightInferencer

__all__ = [
    'FolderReport', 'LowLightInferencer', 'enhance_folder',
    'export_model_onnx',
    'export_onnx', 'plan_folder', 'plan_images'
]
